"""``python -m candle_workflow.cli``: how a detached controller is started."""

from candle_workflow.cli import main

main()
