-- What a copy of another environment's data must not keep. Safe to repeat; the same as the command `adapt`.
DELETE FROM outbox;
UPDATE settings SET value = '' WHERE name = 'notify'
