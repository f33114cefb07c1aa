<?php
// A build that starts, serves, and never becomes healthy.
http_response_code(503);
echo "broken on purpose\n";
