<?php
// A small catalogue.
//
//   GET  /                  the records, by pages (?page=2)      GET  /records/ID     one of them
//   GET  /api/records       the same as JSON (?limit=, ?offset=; ?count: how many there are)
//   POST /api/records       add {code?, title, body?}            GET PUT DELETE /api/records/ID
declare(strict_types=1);
require __DIR__ . '/../lib/catalogue.php';
require __DIR__ . '/../lib/pages.php';

const PER_PAGE = 20;

function answer(int $status, mixed $content): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    exit(json_encode($content, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE) . "\n");
}

/** @return array{code: string, title: string, body: string} what the request holds, as JSON or as a form */
function given(): array
{
    $json = str_starts_with($_SERVER['CONTENT_TYPE'] ?? '', 'application/json');
    $given = $json ? json_decode(file_get_contents('php://input'), true) : $_POST;
    $text = fn(string $name): string => is_string($given[$name] ?? null) ? trim($given[$name]) : '';
    $code = $text('code') ?: 'N-' . bin2hex(random_bytes(8));
    $record = ['code' => $code, 'title' => $text('title'), 'body' => $text('body')];
    if ($record['title'] === '' || strlen($record['title']) > 200 || strlen($record['code']) > 40) {
        answer(400, ['error' => 'title: 1 to 200 characters; code: at most 40']);
    }
    return $record;
}

function add(Catalogue $catalogue): never
{
    try {
        answer(201, ['id' => $catalogue->add(...given())]);
    } catch (mysqli_sql_exception $error) {
        answer($error->getCode() === 1062 ? 409 : 503, ['error' => 'the record was not added']);
    }
}

function listing(Catalogue $catalogue): never
{
    if (isset($_GET['count'])) {
        answer(200, ['count' => $catalogue->count()]);
    }
    $limit = min(100, max(1, (int) ($_GET['limit'] ?? PER_PAGE)));
    answer(200, $catalogue->page($limit, max(0, (int) ($_GET['offset'] ?? 0))));
}

function one(Catalogue $catalogue, string $method, int $id): never
{
    $record = $catalogue->find($id) ?? answer(404, ['error' => "no record $id"]);
    if ($method === 'PUT') {
        ['title' => $title, 'body' => $body] = given();
        $catalogue->change($id, $title, $body);
        answer(200, $catalogue->find($id));
    }
    if ($method === 'DELETE') {
        $catalogue->remove($id);
        answer(200, ['removed' => $id]);
    }
    answer(200, $record);
}

function route(Catalogue $catalogue, string $method, string $path): void
{
    $id = preg_match('~^(?:/api)?/records/(\d{1,9})$~', $path, $found) === 1 ? (int) $found[1] : null;
    match (true) {
        $path === '/api/records' => $method === 'POST' ? add($catalogue) : listing($catalogue),
        $id !== null && str_starts_with($path, '/api/') => one($catalogue, $method, $id),
        $id !== null => show_record($catalogue->find($id)),
        $path === '/' => show_page($catalogue, max(1, (int) ($_GET['page'] ?? 1)), PER_PAGE),
        default => answer(404, ['error' => 'no such page']),
    };
}

try {
    route(new Catalogue(), $_SERVER['REQUEST_METHOD'], parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '/');
} catch (mysqli_sql_exception $error) {
    error_log($error->getMessage());
    answer(503, ['error' => 'the database does not answer']);
}
