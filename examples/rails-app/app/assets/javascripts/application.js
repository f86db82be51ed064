//= require @rails/ujs/lib/assets/compiled/rails-ujs
