# One image for every part of the exchange; the command says which.
FROM python:3.11-slim-bookworm

RUN useradd --system --create-home --home-dir /var/lib/iep iep
WORKDIR /opt/iep
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --config-settings editable_mode=compat -e . \
 && python -m web.assets && rm -rf node_modules
USER iep
CMD ["iep", "--help"]
