<?php
/* Plugin Name: What the environment decides about the site */

// Outgoing mail belongs to the environment: a copy of production's data must not write to its customers.
if (getenv('SITE_MAIL') !== 'on') {
    add_filter('pre_wp_mail', function (): bool {
        error_log('outgoing mail is off (SITE_MAIL): one message was not sent');
        return true;
    });
}

// Behind a load balancer all visitors come from one address: WordPress's limit of a comment in 15 seconds
// from one address would be a limit for the whole site.
add_filter('comment_flood_filter', '__return_false', 99);

add_action('wp_head', function (): void {
    $build = trim(file_get_contents(dirname(ABSPATH) . '/build.txt'));
    printf("<meta name=\"build\" content=\"%s\">\n", esc_attr($build));
});
