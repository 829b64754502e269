"""Operations on images: octaves, resizing, jitter, tiles, masks, persons, preconditioning."""
