<?php
// check: is the site fit to be seen? Reads its data and renders its front page, as a visitor would get it.
//
//   SITE_URL            the address that the data has to have
//   SOURCE_URLS         addresses of other environments that no published text may name
//   CHECK_MIN_POSTS     how many published posts there are at least (1)
declare(strict_types=1);
require __DIR__ . '/../lib/command.php';
require __DIR__ . '/../lib/addresses.php';

/** @return array<string, bool> */
function data_checks(mysqli $db): array
{
    $one = fn(string $query): string => (string) ($db->query($query)->fetch_row()[0] ?? '');
    $own = rtrim(setting('SITE_URL'), '/');
    $posts = "FROM wp_posts WHERE post_type = 'post' AND post_status = 'publish'";
    $addresses = new Addresses($own, preg_split('/\s+/', setting('SOURCE_URLS', ''), -1, PREG_SPLIT_NO_EMPTY));
    $texts = array_column($db->query("SELECT post_content $posts")->fetch_all(), 0);
    return [
        'home' => $one("SELECT option_value FROM wp_options WHERE option_name = 'home'") === $own,
        'siteurl' => $one("SELECT option_value FROM wp_options WHERE option_name = 'siteurl'") === $own,
        'posts' => (int) $one("SELECT COUNT(*) $posts") >= (int) setting('CHECK_MIN_POSTS', '1'),
        'links' => array_filter($texts, fn(string $text): bool => $addresses->replace($text) !== $text) === [],
    ];
}

function print_front_page(): void
{
    $address = parse_url(setting('SITE_URL'));
    $_SERVER['HTTP_HOST'] = $address['host'] . (isset($address['port']) ? ":{$address['port']}" : '');
    $_SERVER['REQUEST_URI'] = '/';
    $_SERVER['REQUEST_METHOD'] = 'GET';
    $_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
    $_SERVER['SERVER_NAME'] = $address['host'];
    $_SERVER['HTTP_X_FORWARDED_PROTO'] = $address['scheme'];
    define('WP_USE_THEMES', true);
    require ABSPATH . 'wp-blog-header.php';
}

$checks = data_checks(database());
at_the_end(function (string $page) use ($checks): void {
    $checks['page'] = str_contains($page, '</html>') && in_array(http_response_code(), [false, 200], true);
    $checks['page_links'] = str_contains($page, 'href="' . rtrim(setting('SITE_URL'), '/') . '/');
    $failed = array_keys(array_filter($checks, fn(bool $passed): bool => !$passed));
    report(['checks' => $checks, 'failed' => $failed], $failed === []);
});
print_front_page();
