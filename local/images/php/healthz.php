<?php
// 200 when the site's data can be read, by a connection of its own with short time-outs: the site is not
// loaded, and a hung database answers as fast as a stopped one.
header('Content-Type: text/plain');
header('Cache-Control: no-store');
mysqli_report(MYSQLI_REPORT_OFF);
$db = mysqli_init();
$db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 1);
$db->options(MYSQLI_OPT_READ_TIMEOUT, 1);
$connected = @$db->real_connect(
    getenv('DB_HOST'),
    getenv('DB_USER'),
    getenv('DB_PASSWORD'),
    getenv('DB_NAME'),
    (int) (getenv('DB_PORT') ?: 3306),
);
$query = json_decode(file_get_contents(__DIR__ . '/site.json'))->health;
$found = $connected ? $db->query($query) : false;
$healthy = $found !== false && $found->num_rows > 0;
http_response_code($healthy ? 200 : 503);
printf("%s, error %d\n", $healthy ? 'ok' : 'no data', $db->connect_errno ?: $db->errno);
