"""What every provider must do, one class per facet: run over each vendor's simulator, and over the vendor itself."""
