"""The boundary between web and sam: messages, frames, server and client."""
