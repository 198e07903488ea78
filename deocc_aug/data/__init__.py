"""Reading images, masks and COCO files; writing files that are either whole or not there."""
