<?php
// Every setting comes from the environment; nothing about one environment is in the image.
define('DB_HOST', getenv('DB_HOST') . ':' . (getenv('DB_PORT') ?: '3306'));
define('DB_NAME', getenv('DB_NAME'));
define('DB_USER', getenv('DB_USER'));
define('DB_PASSWORD', getenv('DB_PASSWORD'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', getenv('SITE_URL'));
define('WP_SITEURL', getenv('SITE_URL'));

// Eight keys from the one secret: another environment's secret makes another environment's cookies worthless.
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $purpose) {
    foreach (['KEY', 'SALT'] as $kind) {
        define("{$purpose}_{$kind}", hash_hmac('sha512', "{$purpose}_{$kind}", getenv('SITE_SALT')));
    }
}

// TLS ends at the load balancer.
if (str_starts_with(WP_HOME, 'https:') && ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}

define('DISABLE_WP_CRON', true);        // a task must not call its own site over HTTP
define('WP_HTTP_BLOCK_EXTERNAL', true); // nor anybody else's
define('DISALLOW_FILE_MODS', true);     // what runs is what the image holds
define('WP_AUTO_UPDATE_CORE', false);
$table_prefix = 'wp_';
require_once ABSPATH . 'wp-settings.php';
