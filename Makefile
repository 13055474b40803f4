lock_flags := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
lock:  ## Resolve the dependencies again (needs uv).
	uv pip compile $(lock_flags) -o requirements-build.lock requirements-build.in
	uv pip compile $(lock_flags) --group dev --extra corpus -o requirements.lock pyproject.toml
