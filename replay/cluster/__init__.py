"""Tasks done by the processes of a Ray cluster: who hands them out, who carries them, who does them."""
