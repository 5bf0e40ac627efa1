//! The engines. None imports another; `commands` joins them.
