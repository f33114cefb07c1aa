"""Images of the sample sites: folders of sources, and the builder that makes an image folder of them."""
