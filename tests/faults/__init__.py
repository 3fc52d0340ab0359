"""Kills, signals, full disks, two at once: what a command leaves, and what comes of going on."""
