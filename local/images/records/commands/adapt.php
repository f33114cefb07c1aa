<?php
// adapt: runs adapt.sql in one transaction.
declare(strict_types=1);
require __DIR__ . '/../lib/command.php';

fail_on_warnings();
$db = database();
$db->begin_transaction();
$rows = run_script($db, __DIR__ . '/../adapt.sql');
$db->commit();
report(['rows' => $rows]);
