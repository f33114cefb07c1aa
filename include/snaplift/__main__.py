"""``python -m snaplift``."""

from snaplift.cli import app

if __name__ == "__main__":
    app(prog_name="snaplift")
