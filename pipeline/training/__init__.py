"""What the stages that train share: settings, arguments of trainers, order of rows, checkpoints, metrics."""
