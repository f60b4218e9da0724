"""Many runs side by side: collected from their folders, grouped over seeds, as tables and as pictures."""
