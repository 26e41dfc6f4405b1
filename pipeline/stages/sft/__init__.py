"""Fine-tune a model on demonstrations: conversations whose answers it learns to give."""
