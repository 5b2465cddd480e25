//! OSDP buses on serial lines, driven by the sans-IO control panel of `doorward-wire`.
