<?php
// What the commands of every image share: settings, a connection, and how a command ends.
declare(strict_types=1);

mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

set_exception_handler(function (Throwable $error): void {
    $place = basename($error->getFile()) . ':' . $error->getLine();
    fwrite(STDERR, sprintf("%s: %s (%s)\n", basename($_SERVER['argv'][0], '.php'), $error->getMessage(), $place));
    exit(1);
});

// Standard output is the report's alone, and without a report a command has failed: WordPress prints a page
// and exits with 0 when it cannot go on.
ob_start();
register_shutdown_function(function (): void {
    global $reported, $at_the_end;
    if ($reported !== null) {
        return;
    }
    $printed = (string) ob_get_contents();
    if ($at_the_end !== null) {
        $at_the_end($printed);
    }
    $text = html_entity_decode(strip_tags(preg_replace('~<(style|script).*?</\1>~s', '', $printed)));
    fwrite(STDERR, substr(trim(preg_replace('/\s+/', ' ', $text)), 0, 1000) . "\n");
    exit(1);
});

/** Code that is not ours may end the process: what to do then, with what it printed, to report all the same. */
function at_the_end(callable $then): void
{
    global $at_the_end;
    $at_the_end = $then;
}

function setting(string $name, ?string $default = null): string
{
    $value = getenv($name);
    if ($value !== false && $value !== '') {
        return $value;
    }
    return $default ?? throw new RuntimeException("the environment lacks $name");
}

function database(): mysqli
{
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);
    $db->real_connect(
        setting('DB_HOST'),
        setting('DB_USER'),
        setting('DB_PASSWORD'),
        setting('DB_NAME'),
        (int) setting('DB_PORT', '3306'),
    );
    $db->set_charset('utf8mb4');
    // A value that does not fit must fail, whatever the server's default: cut off, it would be wrong data.
    $db->query("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'");
    return $db;
}

/** From here on a warning is an error. Not for code that is not ours. */
function fail_on_warnings(): void
{
    set_error_handler(function (int $level, string $message, string $file, int $line): bool {
        if ((error_reporting() & $level) === 0) {
            return false; // silenced by @
        }
        throw new ErrorException($message, 0, $level, $file, $line);
    });
}

/** A number of the command line, at least 0. */
function count_argument(int $position, string $usage): int
{
    $given = $_SERVER['argv'][$position] ?? '';
    if (preg_match('/^[0-9]{1,7}$/', $given) !== 1) {
        throw new RuntimeException("usage: $usage");
    }
    return (int) $given;
}

/** End the command: one line of JSON on standard output, status 0 or 1. */
function report(array $result, bool $ok = true): never
{
    global $reported;
    $reported = json_encode(['ok' => $ok] + $result, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
    while (ob_get_level() > 0) {
        ob_end_clean();
    }
    echo $reported, "\n";
    exit($ok ? 0 : 1);
}

/** Run the statements of a file of our own, divided by a semicolon at a line's end; the rows they changed. */
function run_script(mysqli $db, string $file): int
{
    $rows = 0;
    foreach (preg_split('/;\n/', file_get_contents($file)) as $statement) {
        $db->query($statement);
        $rows += max(0, $db->affected_rows);
    }
    return $rows;
}
