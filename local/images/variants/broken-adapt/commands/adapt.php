<?php
// A build that cannot make a copy its own.
fwrite(STDERR, "adapt: broken on purpose\n");
exit(1);
