//! Figures
