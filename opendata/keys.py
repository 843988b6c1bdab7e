"""``python -m opendata.keys``: make a pair of vault keys for production. Nothing is written to disk."""

import secrets

import pyrage


def main() -> None:
    identity = pyrage.x25519.Identity.generate()
    print(f"VAULT_RECIPIENT={identity.to_public()}      # for every process")
    print(f"{identity}      # into the file VAULT_IDENTITY_FILE, for workers alone")
    print(f"SECRET_KEY={secrets.token_hex(32)}")
    print(f"TRAIL_CHECKPOINT_KEY={secrets.token_hex(32)}")


if __name__ == "__main__":
    main()
