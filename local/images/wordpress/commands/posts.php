<?php
// posts N: N posts, always the same; those that are there stay as they are.
declare(strict_types=1);
require __DIR__ . '/../lib/command.php';
require ABSPATH . 'wp-load.php';

function content(int $number): string
{
    $words = array_map(fn(int $k): string => substr(md5("$number.$k"), 0, 3 + $k % 6), range(1, 80));
    $page = home_url('/sample-page/');
    $content = '<p>' . implode(' ', $words) . "</p>\n<p><a href=\"$page\">More</a></p>";
    if ($number % 10 === 0) { // a block keeps its settings as JSON in a comment
        $content .= sprintf("\n<!-- wp:sample/link %s /-->", json_encode(['url' => $page]));
    }
    return $content;
}

$wanted = count_argument(1, 'posts N');
$there = array_flip($wpdb->get_col("SELECT post_name FROM $wpdb->posts WHERE post_type = 'post'"));
wp_defer_term_counting(true);
$wpdb->query('START TRANSACTION');
$new = 0;
for ($number = 1; $number <= $wanted; $number++) {
    $slug = sprintf('post-%04d', $number);
    if (isset($there[$slug])) {
        continue;
    }
    $id = wp_insert_post(wp_slash([
        'post_name' => $slug,
        'post_title' => sprintf('Post %04d', $number),
        'post_content' => content($number),
        'post_date' => gmdate('Y-m-d H:i:s', 1704067200 + 3600 * $number),
        'post_status' => 'publish',
        'post_author' => 1,
    ]), true);
    if (is_wp_error($id)) {
        throw new RuntimeException("$slug: " . $id->get_error_message());
    }
    $new++;
}
wp_defer_term_counting(false);
$wpdb->query('COMMIT');
report(['new' => $new, 'published' => (int) wp_count_posts()->publish]);
