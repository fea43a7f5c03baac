"""LiteLLM, answered through policies: `import orchestra.litellm as litellm`."""

import sys

from orchestra.dropin.module import mirrored

mirrored(sys.modules[__name__])
