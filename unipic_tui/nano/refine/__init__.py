"""Refines a trained model by preferences among its own rollouts, with the detector as reward."""
