<?php
// setup [N]: the schema, and N records (0), always the same; those that are there stay as they are.
declare(strict_types=1);
require __DIR__ . '/../lib/command.php';

fail_on_warnings();
$wanted = isset($_SERVER['argv'][1]) ? count_argument(1, 'setup [N]') : 0;
$db = database();
run_script($db, __DIR__ . '/../schema.sql');
$db->begin_transaction();
$insert = $db->prepare('INSERT IGNORE INTO records (code, title, body) VALUES (?, ?, ?)');
$new = 0;
for ($number = 1; $number <= $wanted; $number++) {
    $insert->execute([sprintf('R-%05d', $number), "Record $number", 'Kept under ' . md5("record $number") . '.']);
    $new += $insert->affected_rows;
}
$db->query("INSERT IGNORE INTO settings (name, value) VALUES ('schema', '1'), ('notify', 'catalogue@example.com')");
$db->commit();
report(['new' => $new, 'records' => (int) $db->query('SELECT COUNT(*) FROM records')->fetch_row()[0]]);
