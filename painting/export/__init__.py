"""A painting as files: pictures, sequence sheet, GIF, MP4, SVG. A new kind is a file and a line in `writers`."""
