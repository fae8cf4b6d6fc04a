"""The portal: shows what the exchange knows and asks for what people decide."""
