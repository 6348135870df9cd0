// The server writes the live part; here it only takes its place. A lost connection is said, and tried again by the browser.
const live = document.getElementById('live');
const source = new EventSource('/live');
source.addEventListener('message', ({ data }) => {
  live.innerHTML = JSON.parse(data);
  document.body.classList.remove('lost');
});
source.addEventListener('error', () => document.body.classList.add('lost'));
