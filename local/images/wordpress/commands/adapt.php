<?php
// adapt: makes a copy of another environment's data this environment's own. WordPress is not loaded: its
// plugins would run, and mail, and schedule, before the data is clean. One transaction; safe to repeat.
//
//   SITE_URL      the address that the copy gets
//   SOURCE_URLS   addresses, divided by spaces, that the data may name besides the one it says is its own
//   QUEUE_TABLES  plugins' tables, divided by spaces, that hold what is still to be sent or done
declare(strict_types=1);
require __DIR__ . '/../lib/command.php';
require __DIR__ . '/../lib/addresses.php';
require __DIR__ . '/../lib/stored_text.php';
require __DIR__ . '/../lib/tables.php';

const KEYS = [
    'auth_key', 'auth_salt', 'secure_auth_key', 'secure_auth_salt', 'logged_in_key', 'logged_in_salt',
    'nonce_key', 'nonce_salt', 'secret_key', 'secret',
];
const KNOWN_QUEUES = ['wp_actionscheduler_actions', 'wp_actionscheduler_claims'];

/** What belongs to the environment that the data came from: what to call it in the report => statement. */
function removals(): array
{
    $keys = "'" . implode("', '", KEYS) . "'";
    return [
        'sessions' => "DELETE FROM wp_usermeta WHERE meta_key = 'session_tokens'",
        'application_passwords' => "DELETE FROM wp_usermeta WHERE meta_key = '_application_passwords'",
        'changes_of_address' => "DELETE FROM wp_usermeta WHERE meta_key = '_new_email'",
        'activation_keys' => "UPDATE wp_users SET user_activation_key = '' WHERE user_activation_key <> ''",
        'transients' => "DELETE FROM wp_options
            WHERE option_name LIKE '\\_transient\\_%' OR option_name LIKE '\\_site\\_transient\\_%'",
        'cron' => "DELETE FROM wp_options WHERE option_name = 'cron'",
        'locks' => "DELETE FROM wp_options WHERE option_name LIKE '%.lock'",
        'recovery' => "DELETE FROM wp_options WHERE option_name IN ('recovery_keys', 'recovery_mode_email_last_sent')",
        'keys' => "DELETE FROM wp_options WHERE option_name IN ($keys)",
        'changes_of_owner' => "DELETE FROM wp_options WHERE option_name IN ('adminhash', 'new_admin_email')",
        'mail_account' => "UPDATE wp_options SET option_value = ''
            WHERE option_name IN ('mailserver_url', 'mailserver_login', 'mailserver_pass') AND option_value <> ''",
        'queued_pings' => "DELETE FROM wp_postmeta WHERE meta_key IN ('_pingme', '_encloseme', '_trackbackme')",
        'queued_trackbacks' => "UPDATE wp_posts SET to_ping = '' WHERE to_ping <> ''",
    ];
}

function remove(mysqli $db): array
{
    $removed = [];
    foreach (removals() as $what => $statement) {
        $db->query($statement);
        $removed[$what] = $db->affected_rows;
    }
    $tables = array_column($db->query('SHOW TABLES')->fetch_all(), 0);
    foreach (array_intersect([...KNOWN_QUEUES, ...words('QUEUE_TABLES')], $tables) as $table) {
        $db->query("DELETE FROM `$table`"); // not TRUNCATE, which would end the transaction
        $removed[$table] = $db->affected_rows;
    }
    return $removed;
}

/** @return string[] */
function words(string $setting): array
{
    return preg_split('/\s+/', setting($setting, ''), -1, PREG_SPLIT_NO_EMPTY);
}

/** @return string[] the addresses that the data says are its own */
function recorded(mysqli $db): array
{
    $rows = $db->query("SELECT option_value FROM wp_options WHERE option_name IN ('siteurl', 'home') FOR UPDATE");
    $found = array_column($rows->fetch_all(), 0);
    if (count($found) < 2) {
        throw new RuntimeException('the database holds no site: run setup, or restore one');
    }
    return array_filter($found);
}

function set_address(mysqli $db, string $address): void
{
    $statement = $db->prepare("UPDATE wp_options SET option_value = ? WHERE option_name IN ('siteurl', 'home')");
    $statement->execute([$address]);
}

/** @return array<string, int> rows changed, by table */
function rewrite(mysqli $db, Addresses $addresses): array
{
    if ($addresses->hosts === []) {
        return [];
    }
    $change = fn(string $value): string => StoredText::map($value, $addresses->replace(...));
    $changed = [];
    foreach (Table::all($db) as $table) {
        $changed[$table->name] = $table->rewrite($addresses->hosts, $change);
        $table->rewrite($addresses->hosts, function (string $value) use ($addresses, $table): string {
            if ($addresses->replace($value) === $value) {
                return $value;
            }
            throw new RuntimeException("$table->name: a value names another environment where no text can be changed");
        });
    }
    return array_filter($changed);
}

fail_on_warnings();
$db = database();
$db->begin_transaction();
$own = rtrim(setting('SITE_URL'), '/');
$addresses = new Addresses($own, [...words('SOURCE_URLS'), ...recorded($db)]);
$removed = remove($db);
$changed = rewrite($db, $addresses);
set_address($db, $own);
$db->commit();
report(['removed' => $removed, 'rows_rewritten' => (object) $changed]);
