"""The DICOM receiving edge: it listens, keeps what arrives on disk, and only then acknowledges."""
