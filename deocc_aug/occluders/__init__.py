"""Things that hide people: cut-outs, drawn shapes, and pasting them with the labels updated (numpy and OpenCV only)."""
