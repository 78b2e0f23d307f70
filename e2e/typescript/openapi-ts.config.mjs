// @hey-api/openapi-ts for Node.js, which wants extensions in imports.
export default {
  input: '../../api/openapi.yaml',
  output: { path: 'generated/hey-api', importFileExtension: '.js' },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
};
