<?php
// setup: WordPress in an empty database. Again on an installed one: nothing; after an interrupted one: anew.
declare(strict_types=1);
require __DIR__ . '/../lib/command.php';

define('WP_INSTALLING', true);
define('WP_REPAIRING', true); // or WordPress ends the process where an interrupted setup left empty tables

function wp_new_blog_notification(): void
{
    // WordPress would mail the address of the new site, and the password's.
}

require ABSPATH . 'wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

function installed(): bool
{
    global $wpdb;
    $shown = $wpdb->suppress_errors();
    $address = $wpdb->get_var("SELECT option_value FROM $wpdb->options WHERE option_name = 'siteurl'");
    $wpdb->suppress_errors($shown);
    return $address !== null;
}

function install(): void
{
    global $wpdb, $wp_rewrite;
    make_db_current_silent();
    $wpdb->query('START TRANSACTION'); // tables cannot be in it, all their rows are: there is no half a site
    $permalinks = fn(): string => '/%postname%/';
    add_filter('pre_option_permalink_structure', $permalinks); // unset, wp_install() tries them over HTTP
    $password = setting('WP_ADMIN_PASSWORD', wp_generate_password(32)); // never shown; a reset gives a new one
    wp_install(setting('SITE_TITLE', 'Sample site'), 'admin', 'admin@example.com', true, '', $password);
    remove_filter('pre_option_permalink_structure', $permalinks);
    $wp_rewrite->set_permalink_structure('/%postname%/');
    flush_rewrite_rules(false);
    wp_delete_post(1, true); // "Hello world!"
    update_option('comment_previously_approved', 0); // visitors' comments show at once
    if (!wp_get_theme()->exists()) {
        switch_theme(WP_Theme::get_core_default_theme()->get_stylesheet());
    }
    $wpdb->query('COMMIT');
}

$new = !installed();
if ($new) {
    install();
}
report(['installed' => $new, 'theme' => get_option('stylesheet')], installed());
