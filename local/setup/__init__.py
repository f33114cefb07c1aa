"""The system packages that the laptop's AWS and the sample sites run on."""
