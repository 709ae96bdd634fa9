//! Plans against naive models.
