"""From a job to pictures and text: prompts, sampling, decoding."""
