<?php
// The catalogue's pages.
declare(strict_types=1);

function text(string|int $value): string
{
    return htmlspecialchars((string) $value, ENT_QUOTES | ENT_SUBSTITUTE);
}

function show(string $title, string $content): void
{
    header('Content-Type: text/html; charset=utf-8');
    [$heading, $site] = [text($title), text(rtrim(getenv('SITE_URL'), '/'))];
    $build = text(trim(file_get_contents(__DIR__ . '/../build.txt')));
    echo <<<HTML
        <!doctype html>
        <html lang="en">
        <head>
          <meta charset="utf-8"><meta name="build" content="$build">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <link rel="canonical" href="$site/"><title>$heading</title>
          <style>
            body { font: 16px/1.5 sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
            nav { display: flex; gap: 1rem }
          </style>
        </head>
        <body>
          <h1><a href="$site/">Catalogue</a></h1>
          $content
        </body>
        </html>

        HTML;
}

function show_page(Catalogue $catalogue, int $page, int $size): void
{
    $count = $catalogue->count();
    $items = '';
    foreach ($catalogue->page($size, ($page - 1) * $size) as $record) {
        $link = sprintf('<a href="/records/%d">%s</a>', $record['id'], text($record['code']));
        $items .= "<li>$link " . text($record['title']) . "</li>\n";
    }
    $links = $page > 1 ? sprintf('<a href="/?page=%d">Previous</a>', $page - 1) : '';
    $links .= $page * $size < $count ? sprintf('<a href="/?page=%d">Next</a>', $page + 1) : '';
    show('Catalogue', "<p>$count records</p>\n<ul>\n$items</ul>\n<nav>$links</nav>");
}

/** @param array<string, mixed>|null $record */
function show_record(?array $record): void
{
    if ($record === null) {
        http_response_code(404);
        show('Not found', '<p>There is no such record.</p>');
        return;
    }
    $updated = text($record['updated_at']);
    show($record['title'], sprintf(
        "<h2>%s</h2>\n<p>%s</p>\n<p><small>%s, as of %s</small></p>",
        text($record['title']),
        nl2br(text($record['body'])),
        text($record['code']),
        $updated,
    ));
}
