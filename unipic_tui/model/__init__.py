"""UniPic in torch: the parts of the model and how checkpoints become them."""
