<?php
// check: can the catalogue be read, is it as full as CHECK_MIN_RECORDS (1) says, is nothing queued to be sent?
declare(strict_types=1);
require __DIR__ . '/../lib/command.php';

fail_on_warnings();
$db = database();
$count = fn(string $table): int => (int) $db->query("SELECT COUNT(*) FROM $table")->fetch_row()[0];
$checks = [
    'records' => $count('records') >= (int) setting('CHECK_MIN_RECORDS', '1'),
    'outbox' => $count('outbox') === 0,
];
$failed = array_keys(array_filter($checks, fn(bool $passed): bool => !$passed));
report(['checks' => $checks, 'failed' => $failed], $failed === []);
