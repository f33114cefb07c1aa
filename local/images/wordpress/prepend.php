<?php
// Before every script: the docroot's files are links, whose __DIR__ would be the distribution's folder.
defined('ABSPATH') || define('ABSPATH', __DIR__ . '/docroot/');
