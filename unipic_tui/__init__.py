"""Work with Skywork UniPic, a unified image model, from a terminal."""

__version__ = "0.1.0"
