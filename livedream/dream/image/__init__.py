"""Operations on images: octaves, resizing, jitter, tiles, masks, preconditioning."""
