"""Many films on many machines: films are cut where the dream forgets anyway, and put together again."""
