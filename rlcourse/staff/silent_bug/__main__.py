import sys

from rlcourse.staff.silent_bug import main

sys.exit(main(sys.argv[1:]))
