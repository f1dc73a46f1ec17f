from testbed import *  # noqa: F401,F403
from testbed import Cluster as Lab  # noqa: F401
