"""Pictures in a terminal: what it can show, how a picture is made ready, and how it is sent."""
