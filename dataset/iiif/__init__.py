"""From any IIIF Curation, or Presentation manifest with regions, to a folder of crops of one size and their labels."""
