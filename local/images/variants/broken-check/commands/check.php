<?php
// A build that does not pass its own smoke check.
echo '{"ok":false,"checks":{"broken_on_purpose":false},"failed":["broken_on_purpose"]}', "\n";
exit(1);
