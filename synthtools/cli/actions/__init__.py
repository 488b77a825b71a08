"""What each verb does, in a file of its name; its options and help are in the file of that name one folder up."""
